/* One task against one platform: could it run there, and with what? (Planner 2.1, 2.2) */
#ifndef PLAN_MATCH_H
#define PLAN_MATCH_H

#include "host/image.h"
#include "model/finding.h"
#include "model/platform.h"
#include "model/task.h"
#include "store/store.h"

/* What an offer would hold. */
struct grant {
    int64_t mincores, maxcores;   /* milli-cores; the minimum is booked */
    int64_t minmemory, maxmemory; /* bytes; memory is limited to what is booked */
    struct image image;           /* of an oci-container */
};

/* True when the platform can run it; *grant is then filled, for grant_fini. Otherwise findings
 * gains every reason, each with the clause, what was asked and what there is. */
bool match_platform(const struct task *task, const struct platform *platform,
                    const struct store *store, struct grant *grant, struct findings *findings);
void grant_fini(struct grant *g);

#endif
