/* Does an offer of somebody else keep to what was asked? (Planner 2.2.2, 2.4; EP-66, EP-67) */
#ifndef NET_JUDGE_H
#define NET_JUDGE_H

#include "model/load.h"
#include "model/task.h"

/* Why the offer cannot be taken for one of this task: what is wrong with it, in words; NULL when
 * every value in it is within the request. `now` in s since 1970; `grace`: how many s an instant
 * may be late. The caller frees. */
char *judge_offer(const struct model *m, const struct task *asked, json_t *offer, int64_t now,
                  int64_t grace);

#endif
