"""The forms that a law can take, each a file: a class with formula, source, gradient and when it fails.

A new form is one file here, whose `FORMS` names its instances, and one test.
"""

from __future__ import annotations

import importlib
import pkgutil

from smelt.laws.forms.form import COLUMNS as COLUMNS
from smelt.laws.forms.form import LARGEST_LOG as LARGEST_LOG
from smelt.laws.forms.form import Floats as Floats
from smelt.laws.forms.form import Form as Form
from smelt.laws.forms.form import Variables as Variables


def _every_form() -> dict[str, Form]:
    modules = (importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    forms: list[Form] = [form for module in modules for form in getattr(module, "FORMS", ())]
    return {form.name: form for form in forms}


FORMS: dict[str, Form] = _every_form()
"""Every form by name."""
