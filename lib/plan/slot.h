/* When a job may start and how long it may run: one requested period, against what a platform
 * allows, its opening windows and its calendar. Times in s since 1970. */
#ifndef PLAN_SLOT_H
#define PLAN_SLOT_H

#include "model/finding.h"
#include "model/task.h"
#include "plan/calendar.h"
#include "plan/opening.h"

/* May start in [from, to] and run for at most `length` s. Offered is [from, latest], whose end is
 * what is promised, or the instant that was asked for; a job whose worker comes later than that
 * still starts until `to`, the end of what was asked for (decisions.md, "Slot"). */
struct slot {
    int64_t from, start, latest, to; /* start: where there was room */
    int64_t length, minlength;
    const struct window *instant; /* or NULL */
    bool asked;                   /* the window was; else it is ours to choose (EP-68) */
    bool held; /* it waits for a trigger: its room is held from `from` on, whenever it starts */
};

/* What a request allows on a platform, before anybody looks for room. `most` is how long a job may
 * run, and a bare instant may be `grace` s late. False: findings say why not, at `pointer`. */
bool slot_init(struct slot *s, const struct period *r, const struct platform *p,
               struct duration most, int64_t now, int64_t grace, const char *pointer,
               struct findings *findings);

/* Finds room for `need`: the first there is, for the whole length if that can be. False: there is
 * none, and *s is as before. */
bool slot_place(struct slot *s, struct calendar *calendar, const struct platform *p,
                struct room need);

/* For how long its room is booked, from its start on: a job that may start at any time in what is
 * held has its room to the end of the last one. */
int64_t slot_span(const struct slot *s);

/* Says why there was none. */
void slot_refuse(const struct slot *s, const struct platform *p, const char *pointer,
                 struct findings *findings);

#endif
