/* Triggers: calls that a job waits for, or that end it (Planner 2.5.1; EP-70..77). */
#ifndef JOB_TRIGGER_H
#define JOB_TRIGGER_H

#include "store/store.h"

/* What a call came to. */
struct firing {
    char job[UUID_TEXT];
    char *trigger;      /* its name */
    const char *action; /* it asked for, ACTION_START or ACTION_CANCEL; NULL: the values mean
                           nothing to it (EP-77) */
    bool taken;         /* and that was recorded now: it is on the disk */
    char *said;         /* in words */
};
void firing_fini(struct firing *f);

/* Calls a trigger with values {name: value}; `now` in ms. By its endpoint or the token alone, which
 * is what a service receives; or by the job's id and the trigger's name, for its owner. The same
 * call again changes nothing more. CODE_NOINPUT: there is no such trigger; CODE_CONFLICT: it is of
 * an offer that is no job. */
int trigger_call(struct store *store, const char *endpoint, const json_t *values, int64_t now,
                 struct firing *f, struct err *err);
int trigger_call_named(struct store *store, const char *job, const char *name, const json_t *values,
                       int64_t now, struct firing *f, struct err *err);

/* For the worker. The triggers j still waits for to be started, "a, b": a new string; NULL when
 * there is none, or with err when err->code is set. */
char *trigger_awaited(struct store *store, const struct job *j, struct err *err);
/* Why a job that is wished to end shall: a trigger, or its owner. The caller frees. */
char *trigger_reason(struct store *store, const struct job *j);

#endif
