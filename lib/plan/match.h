/* One task against one platform: could it run there, and with what? (Planner 2.1, 2.2) */
#ifndef PLAN_MATCH_H
#define PLAN_MATCH_H

#include "host/image.h"
#include "model/finding.h"
#include "model/platform.h"
#include "model/task.h"
#include "plan/policy.h"
#include "store/store.h"

/* What an offer may give: from what is booked up to what may be used. */
struct level {
    int64_t mincores, maxcores;   /* milli-cores */
    int64_t minmemory, maxmemory; /* bytes */
    json_t *parts;                /* that are booked, as in a room; owned, may be NULL */
    json_t *extras; /* of a flavor, which is booked whole: how many of each type; the same */
};

/* What offers would hold. */
struct grant {
    struct level *levels; /* the smallest first */
    size_t nlevels;
    struct image image;          /* of an oci-container, */
    int64_t bytes, files;        /* and the most it may be unpacked */
    struct duration maxduration; /* of a job of this type */
};

/* True when the platform can run it; *grant is then filled, for grant_fini. Otherwise findings
 * gains every reason, each with the clause, what was asked and what there is. `policy` is of who
 * asks. `documents` is an object, the same for all platforms of one task: what the task names is
 * fetched once. */
bool match_platform(const struct task *task, const struct platform *platform,
                    const struct store *store, const struct policy *policy, json_t *documents,
                    struct grant *grant, struct findings *findings);
/* The same of its image alone: would it be run there at all? The task is of an oci-container. */
bool match_image(const struct task *task, const struct platform *platform,
                 const struct store *store, const struct policy *policy, json_t *documents,
                 struct grant *grant, struct findings *findings);
void grant_fini(struct grant *g);

/* What is told of an offered storage, the task's `number`th: its spec within what the task asks for
 * and the platform has; of persistent storage also where it will be. `state` is the state
 * directory, `id` the offer's. A new reference. */
json_t *match_storage_spec(const struct storage *s, const struct platform *platform,
                           const char *state, const char *id, size_t number);

#endif
