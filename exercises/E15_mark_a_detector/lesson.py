# ---
# title: Mark a detector
# level: 2
# minutes: 20
# notebook: 2_3_detector_marks
# section: How to mark a detector
# function: mark_detector
# ---
# %% [markdown]
# In a simulated world we know the day on which the harm began: the onset. So we can mark a
# detector.
#
# Write `mark_detector(alarm_days, onset)`. `alarm_days` is a sorted list of day numbers. Days
# in a row are one alarm: the team was called once. An alarm is false if it is over before the
# onset. Return a pair: the number of false alarms, and the delay in days from the onset to
# the first day in alarm from the onset on. The delay is `None` if there is no such day.
# `onset` is `None` in a world without harm; then every alarm is false.
# %%
example = [3, 4, 5, 20, 21]


# %% [markdown]
# With the onset on day 18 the example has one false alarm, and the delay is two days: `(1,
# 2)`.
# %% tags=["starter"]
def mark_detector(alarm_days: list[int], onset: int | None) -> tuple[int, int | None]:
    false_alarms = len(alarm_days)
    delay = None
    return false_alarms, delay


# %% tags=["solution"]
def mark_detector(alarm_days: list[int], onset: int | None) -> tuple[int, int | None]:
    alarms = []  # first and last day of each
    for day in alarm_days:
        if alarms and day == alarms[-1][1] + 1:
            alarms[-1][1] = day
        else:
            alarms.append([day, day])
    false_alarms = sum(1 for _, last in alarms if onset is None or last < onset)
    after = [day for day in alarm_days if onset is not None and day >= onset]
    return false_alarms, (after[0] - onset if after else None)


# %% [markdown] tags=["hint"]
# First join days in a row to alarms, each with a first and a last day.
# %% [markdown] tags=["hint"]
# A day belongs to the alarm before it if it is the next day: `day == last + 1`.
# %% [markdown] tags=["hint"]
# An alarm is false if its last day is before the onset. The delay is the first day in alarm
# from the onset on, less the onset.
