/* Asking: the platforms of this site, each by its driver, and planners elsewhere, side by side;
 * merged into one answer (EP-11, EP-A1, EP-A2). */
#ifndef PLAN_ASK_H
#define PLAN_ASK_H

#include "model/load.h"
#include "plan/answer.h"

/* What others than administrators hear of a platform that cannot be used. */
#define ASK_TROUBLE "it is out of order; the administrator's log tells why"

/* Who is asked; found once, for any number of tasks. Drivers are probed at most once. */
struct ask {
    struct model *model;
    struct store *store;
    struct source *list;
    size_t n;
    struct probe *
        *probes; /* of drivers with their options; begun when the first platform is read */
    size_t nprobes;
};

struct asked {
    char *const *names; /* NULL-ended, or NULL: whom to ask, in this order */
    const char *image;  /* asked is whether this image would be run, and no task */
    bool explain;       /* with a NO, tell the nearest request that would have been YES */
    bool remote;        /* planners elsewhere, too: URLs, and those of execdm.yaml */
    int64_t timeout_ms; /* for each of these; 0: its own, else ASK_TIMEOUT_MS */
};
#define ASK_TIMEOUT_MS 30000

/* A name is a URL, a planner of execdm.yaml, a platform, or a file. Without names: every file of
 * platforms.d in the configuration directory, or when there is none the platform called localhost,
 * derived from probing; then every planner of execdm.yaml. -1 when a named one does not exist, or
 * execdm.yaml is wrong. Borrows model and store until ask_close. */
int ask_open(struct ask *k, struct model *model, struct store *store, const struct asked *asked,
             struct err *err);
void ask_close(struct ask *k);

/* Adds what each of them says to the answer: first the platforms here, then the planners elsewhere,
 * each in their order, whoever answered first. One that is
 * down, wrong or lying is a message, not a failure; -1 when the store failed. */
int ask_task(struct ask *k, struct answer *a, const struct task *task, struct err *err);

/* The platforms among them, each as its driver says it is now, in their order; *at begins as 0.
 * False when there are no more. Planners elsewhere are none. All borrowed. */
struct platform_seen {
    const char *name;                /* of one whose file cannot be read: the file's */
    const json_t *doc;               /* as the provider wrote it, or NULL */
    const struct platform *platform; /* made ready, NULL when it cannot be used */
    const char *trouble;             /* then: why */
};
bool ask_look(struct ask *k, size_t *at, struct platform_seen *seen);

#endif
