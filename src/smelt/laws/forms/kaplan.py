"""Pure power laws: loss without a floor, as the first scaling laws of language models had it.

    L(N)      = (N_c/N)^alpha_N            a model on more data than it can use
    L(D)      = (D_c/D)^alpha_D            a large model on D tokens, stopped before it overfits
    L(C_min)  = (C_c/C_min)^alpha_C        the best N at every budget, small batches
    L(N, D)   = [(N_c/N)^(alpha_N/alpha_D) + D_c/D]^alpha_D
                                           (Kaplan et al. 2020, eqs. 1.1, 1.2, 1.3 and 1.5)

Published: alpha_N .076, N_c 8.8e13; alpha_D .095, D_c 5.4e13; alpha_C .050, C_c 3.1e8 PF-days (8.64e19 FLOPs each);
for L(N, D) alpha_N .076, alpha_D .103, N_c 6.4e13, D_c 1.8e13 (their table 2). N without embeddings.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from smelt.laws.forms.form import Floats, Form, Variables


def power_log_loss(theta: Floats, x: Floats, log_loss: Floats, jacobian: Floats) -> None:
    """alpha (ln X_c - ln X) with its gradient (see `Form.log_loss`)."""
    ln_scale, alpha = theta[0], theta[1]
    for i in range(x.shape[0]):
        log_loss[i] = alpha * (ln_scale - x[i, 0])
        jacobian[i, 0] = alpha
        jacobian[i, 1] = ln_scale - x[i, 0]


def kaplan_log_loss(theta: Floats, x: Floats, log_loss: Floats, jacobian: Floats) -> None:
    """alpha_D times a log-sum-exp of two terms, with its gradient (see `Form.log_loss`)."""
    ln_n_c, ln_d_c, alpha_n, alpha_d = theta[0], theta[1], math.exp(theta[2]), math.exp(theta[3])
    for i in range(x.shape[0]):
        size = (ln_n_c - x[i, 0]) * alpha_n / alpha_d
        data = ln_d_c - x[i, 1]
        largest = max(size, data)
        exp_size, exp_data = math.exp(size - largest), math.exp(data - largest)
        total = largest + math.log(exp_size + exp_data)
        share = exp_size / (exp_size + exp_data)
        log_loss[i] = alpha_d * total
        jacobian[i, 0] = alpha_n * share
        jacobian[i, 1] = alpha_d * (1.0 - share)
        jacobian[i, 2] = alpha_d * share * size
        jacobian[i, 3] = alpha_d * (total - share * size)


class PowerLaw(Form):
    """L(X) = (X_c/X)^alpha of one variable X, a straight line in logarithms."""

    log_loss = staticmethod(power_log_loss)

    def __init__(self, variable: str, *, equation: str, holds: str) -> None:
        self.name = f"kaplan-{variable.lower()}"
        self.formula = f"L({variable}) = ({variable}_c/{variable})^alpha_{variable}"
        self.source = f"Kaplan et al. 2020, eq. {equation}"
        self.fails = (
            f"It holds only {holds}; it has no floor, so far beyond the runs it promises too much; it knows nothing "
            f"but {variable}, so it has no optimal split of a budget."
        )
        self.variables = (variable,)
        self.parameters = (f"ln_{variable}_c", f"alpha_{variable}")
        self.judged = (f"alpha_{variable}",)  # X_c follows the exponent, and is loose on any data

    def starts(self, x: Floats, log_loss: Floats) -> Floats:
        """From a range of slopes through the middle of the runs: the problem has one optimum."""
        alphas = np.array([0.02, 0.05, 0.1, 0.3, 1.0])
        return np.stack([x[:, 0].mean() + log_loss.mean() / alphas, alphas], axis=-1)

    def centre(self, x: Floats) -> Floats:
        """The mean of ln X."""
        return x.mean(axis=0)

    def shift(self, theta: Floats, by: Floats) -> Floats:
        """ln X_c - ln X does not change when both move."""
        moved = np.array(theta, dtype=np.float64)
        moved[..., 0] -= by[0]
        return moved

    def loss(self, theta: Floats, variables: Variables) -> Floats:
        """(X_c/X)^alpha."""
        ln_scale, alpha = np.moveaxis(theta, -1, 0)
        with np.errstate(over="ignore"):  # a resample that ran away predicts an infinite loss
            return np.exp(alpha * (ln_scale - np.log(variables[self.variables[0]])))


class Kaplan(Form):
    """L(N, D) = [(N_c/N)^(alpha_N/alpha_D) + D_c/D]^alpha_D: what is short, model or data, weighs most.

    Kaplan et al. 2020, "Scaling laws for neural language models", eq. 1.5. The exponents are held as logarithms, so
    both are positive. Its optimum at C = 6ND, N* ~ C^(alpha_D/(alpha_N + alpha_D)), is not their N ~ C^.73: that came
    from runs cut short and their L(N, S), which is not built here.
    """

    name = "kaplan"
    formula = "L(N, D) = [(N_c/N)^(alpha_N/alpha_D) + D_c/D]^alpha_D"
    source = "Kaplan et al. 2020, eq. 1.5"
    fails = (
        "It has no floor, so far beyond the runs it promises too much; it was made for runs stopped before they "
        "overfit, with N counted without embeddings, and other counts change its exponents."
    )
    variables = ("N", "D")
    parameters = ("ln_N_c", "ln_D_c", "ln_alpha_N", "ln_alpha_D")
    judged = ("alpha_N", "alpha_D")
    log_loss = staticmethod(kaplan_log_loss)

    def starts(self, x: Floats, log_loss: Floats) -> Floats:
        """Exponents from .02 to .5; of the run in the middle, a share of what is summed that is the model's."""
        (log_n, log_d), middle = x.mean(axis=0), log_loss.mean()
        exponents = (0.02, 0.05, 0.1, 0.2, 0.5)
        return np.array(
            [
                (
                    log_n + (math.log(share) + middle / alpha_d) * alpha_d / alpha_n,
                    log_d + math.log(1 - share) + middle / alpha_d,
                    math.log(alpha_n),
                    math.log(alpha_d),
                )
                for alpha_n, alpha_d, share in itertools.product(exponents, exponents, (0.2, 0.5, 0.8))
            ]
        )

    def centre(self, x: Floats) -> Floats:
        """The mean of x."""
        return x.mean(axis=0)

    def shift(self, theta: Floats, by: Floats) -> Floats:
        """ln N_c - ln N does not change when both move."""
        moved = np.array(theta, dtype=np.float64)
        moved[..., 0] -= by[0]
        moved[..., 1] -= by[1]
        return moved

    def loss(self, theta: Floats, variables: Variables) -> Floats:
        """The formula, summed in logarithms."""
        ln_n_c, ln_d_c, ln_alpha_n, ln_alpha_d = np.moveaxis(theta, -1, 0)
        log_n, log_d = np.log(variables["N"]), np.log(variables["D"])
        with np.errstate(over="ignore"):  # a resample that ran away predicts an infinite loss
            size = np.exp(ln_alpha_n - ln_alpha_d) * (ln_n_c - log_n)
            return np.exp(np.exp(ln_alpha_d) * np.logaddexp(size, ln_d_c - log_d))

    def optimal_log_n(self, theta: Floats, log_nd: Floats | float, held: Variables | None = None) -> Floats:
        """N^(1 + r) = r N_c^r ND/D_c with r = alpha_N/alpha_D: where the sum in brackets is least."""
        ln_n_c, ln_d_c, ln_alpha_n, ln_alpha_d = np.moveaxis(theta, -1, 0)
        ln_r = ln_alpha_n - ln_alpha_d
        return (ln_r + np.exp(ln_r) * ln_n_c + log_nd - ln_d_c) / (1 + np.exp(ln_r))


FORMS = (
    Kaplan(),
    PowerLaw("N", equation="1.1", holds="where there is more data than the model can use"),
    PowerLaw("D", equation="1.2", holds="where the model is larger than the data need"),
    PowerLaw("C", equation="1.3", holds="where every budget was spent on its best size, in small batches"),
)
