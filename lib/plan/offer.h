/* The documents of an offer: what the user sees, and what only accepting it needs. */
#ifndef PLAN_OFFER_H
#define PLAN_OFFER_H

#include "plan/match.h"
#include "plan/policy.h"
#include "plan/slot.h"

/* What is offered. */
struct offering {
    const struct task *task;
    const struct platform *platform;
    const struct grant *grant;
    const struct level *level;
    const struct slot *slot;
    const struct policy *policy;
    const struct quota *quota;
    const char *state; /* the state directory */
};

/* What an accepted offer books: its minimum (decisions.md, "What is booked"). Parts are borrowed.
 */
struct room offer_need(const struct level *l);

/* What the store keeps of an offer: {"offer", "private"}. `number` is its place in the answer, from
 * 1. A new reference. */
json_t *offer_document(const struct offering *o, const struct offer_row *row, size_t number);

#endif
