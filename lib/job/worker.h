/* The worker: steps jobs as they become due, and sleeps in between. Any number may run at once. */
#ifndef JOB_WORKER_H
#define JOB_WORKER_H

#include "job/step.h"

enum worker_mode {
    WORKER_JOBS,  /* the jobs named, until each is at its end */
    WORKER_ONCE,  /* every due step of every job, without waiting */
    WORKER_WATCH, /* all jobs, until told to stop */
};

struct worker {
    struct step step;
    enum worker_mode mode;
    const struct strs *ids; /* WORKER_JOBS */
    /* a step that could not be done now; the worker goes on */
    void (*trouble)(void *context, const char *id, const struct err *err);
    /* called about once a second while there is nothing to do; may be NULL */
    void (*tick)(void *context);
    int64_t rest_until; /* ms: nothing is cleared away before; begins as 0 */
};

/* 0 when done, 1 when step.stop ended it before, -1. */
int worker_run(struct worker *w, struct err *err);

#endif
