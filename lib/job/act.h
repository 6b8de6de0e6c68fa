/* What a step does to its job, whatever phase it is in: moves it along the table, moves its data,
 * says what went wrong, gives back what it held. The caller holds the job's lease. */
#ifndef JOB_ACT_H
#define JOB_ACT_H

#include "host/stager.h"
#include "job/step.h"

#define STATUS_S 20  /* for a backend to say how its jobs are */
#define POLL_MS 5000 /* how often a backend is asked; its exit record wakes us sooner */

/* Moves j along the table, in one transaction with its booking: taken anew when it begins to
 * prepare and to execute, given back at its end. 1, or -1. A job that somebody else moved meanwhile
 * is an error here: we hold its lease. */
int act_go(struct step *s, struct job *j, enum phase_event event, const char *why, struct err *err);
/* The same in a transaction the caller has begun; now in ms. */
int act_go_locked(struct step *s, struct job *j, enum phase_event event, int64_t now,
                  const char *why, struct err *err);
/* j ends in ERROR for this reason, its inputs released. As act_go. */
int act_fail(struct step *s, struct job *j, const char *reason, const char *fault, bool transient,
             const char *message, struct err *err);

/* j's document: its error; a warning under a rule, and all those of a rule forgotten. */
void act_error(struct job *j, const char *reason, const char *fault, bool transient,
               const char *message);
const char *act_reason(const struct job *j); /* the error's message */
void act_message(struct job *j, const char *rule, const char *text);
void act_forget(struct job *j, const char *rule);
/* What the plan noted for the worker; j's. */
const json_t *act_private(const struct job *j);
/* A part of j's document, {key: value...} of its own keys, with the secrets that were sealed: the
 * same or a copy, a new reference. NULL with err. */
json_t *act_reveal(const struct step *s, const struct job *j, json_t *part, struct err *err);
/* Asks j's driver, with the platform's options (driver.h). */
int act_driver(const struct job *j, const char *verb, json_t *lines, int deadline_s,
               json_t **replies, struct err *err);
/* The line of driver find, status and cancel: a list of one, a new reference. */
json_t *act_driver_line(const struct step *s, const struct job *j);

/* Inputs and scratch end with the job. They go before its end is written down: a worker that dies
 * in between does the step again, and nothing of it needs them. */
void act_release_inputs(struct step *s, struct job *j);
/* Outputs that are stored and verified elsewhere. They go after the end is written down; what a
 * worker that dies in between leaves goes with the job's destruction, as logs and the record do. */
void act_release_outputs(struct step *s, struct job *j);

/* Moves a manifest. 0 all done; 1 some failed, j's error is set; -1 stopped or broken. *stager has
 * the results, for stager_fini. */
int act_move(struct step *s, struct job *j, const char *what, json_t *lines, struct stager *stager,
             const char *reason, struct err *err);

/* Long work for a job. It stops when we are told to go, and when the owner wants the job ended. */
struct moving {
    struct step *step;
    struct job *job;
    const char *what; /* for progress */
    int64_t asked;    /* when the owner's wish was last looked at */
    bool wish;
};
bool moving_stop(void *moving);

#endif
