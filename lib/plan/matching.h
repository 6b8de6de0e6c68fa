/* What the parts of match.c share; everybody else calls match_platform. */
#ifndef PLAN_MATCHING_H
#define PLAN_MATCHING_H

#include "plan/match.h"

struct matching {
    const struct task *task;
    const struct platform *platform;
    const json_t *row; /* what the platform says of this type of executable, or NULL */
    const struct store *store;
    const char *identity;        /* who asks */
    const struct policy *policy; /* of them */
    json_t *documents;           /* URL -> {text} or {error}: what was fetched for the task */
    struct grant *grant;
    struct findings *findings;
};

/* Adds a reason for NO. */
struct finding *match_refuse(struct matching *m, const char *rule, const char *pointer,
                             const char *fmt, ...) PRINTF(4, 5);
/* The types of a list of {type}, as people call them: "oci-container, python-program". A new
 * reference. */
json_t *match_types(const json_t *list);

/* match_executable.c, match_compute.c, match_storage.c, match_dependency.c */
void match_executable(struct matching *m);
void match_compute(struct matching *m);
void match_storage(struct matching *m);
void match_dependencies(struct matching *m);

#endif
