"""The step of this room: a run and examples make scores."""

from __future__ import annotations

from typing import Annotated, ClassVar

from annotated_types import Ge
from pydantic import JsonValue

from smelt.core.artifact import Artifact, Counts
from smelt.core.shards import write_json, write_whole
from smelt.core.step import Estimate, Sizes, Step
from smelt.core.work import Work
from smelt.evals.scores import ANSWERS, SCORES, Scores
from smelt.runs.run import Run
from smelt.tokens.examples import Examples
from smelt.tokens.tokenizer import TOKENIZER, load_bpe


class ScoreExamples(Step[Scores]):
    """Lets a model answer the held-out examples, and scores the answers: BLEU of texts, F1 of classes and so on."""

    step: ClassVar[str] = "score-examples"
    makes: ClassVar[type[Artifact]] = Scores

    run: Step[Run]
    """What answers: trained by `train-task` on examples of the same kind."""
    examples: Step[Examples]
    """What is asked: those held out."""
    beams: Annotated[int, Ge(1)] = 4
    """Texts that are followed at once; one takes the best token each time."""
    length_power: Annotated[float, Ge(0)] = 1.0
    """Of texts' lengths, by which their log-likelihoods are divided: more makes them longer."""

    def make(self, work: Work) -> Counts:
        """Writes scores.json and answers.parquet."""
        from smelt.evals.answers import Writing, answer_all, answers_table
        from smelt.evals.rightness import SCORERS
        from smelt.runs.task import load_learner, shelf_of

        examples, run = work.open(self.examples), work.open(self.run)
        bpe, learner = load_bpe(examples.folder / TOKENIZER), load_learner(run.folder)
        shelf = shelf_of(examples, learner, "held_out")
        writing = Writing(beams=self.beams, length_power=self.length_power)
        wanted, said = answer_all(learner, shelf, writing, labels=examples.labels, bpe=bpe)
        scores = dict(SCORERS[examples.answer](wanted, said))
        table = answers_table(shelf, examples.split("held_out")["id"].to_list(), wanted, said, bpe)
        with write_whole(work.folder / ANSWERS) as path:
            table.write_parquet(path)
        write_json(work.folder / SCORES, dict[str, JsonValue](scores))
        return {"examples": len(said), **scores}

    def estimate(self, sizes: Sizes) -> Estimate:
        """Known only once the run is there."""
        return Estimate(counts={"examples": sizes[self.examples].get("held_out_examples")})
