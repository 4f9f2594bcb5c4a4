"""Exercises: lessons, checks that name the mistake, student notebooks, grading."""

from fraudops._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "lessons": ("Lesson", "find_lesson", "load_lessons"),
        "diagnosis": (
            "CORRECT",
            "INCORRECT",
            "Misconception",
            "NOT_ATTEMPTED",
            "Outcome",
            "Probe",
            "compute_outcome",
        ),
        "exercise": ("Exercise", "check_student", "compute_student_seed", "open_exercise"),
        "predictions": ("predict",),
        "student_notebooks": ("NOTEBOOK_FOLDER", "make_notebook", "start_exercises"),
        "submission": ("check_submission",),
        "course_map": ("make_course_map",),
        "grading": ("grade_folder",),
        "command": ("run_exercises_command",),
    },
)
