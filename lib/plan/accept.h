/* Accepting an offer: its slot is booked and the job made, in one transaction (EP-12). */
#ifndef PLAN_ACCEPT_H
#define PLAN_ACCEPT_H

#include "plan/policy.h"

/* Which offer of an answer is meant: by id, name or number from 1 (`which`), else by preference
 * ("earliest" or "largest", NULL is earliest). Borrowed from the answer; NULL with err. */
json_t *accept_choose(json_t *answer, const char *which, const char *prefer, struct err *err);

/* Makes the job, for who the offer was made to. Accepting again gives the same job; so does
 * accepting another offer of an answer of which one was accepted. CODE_CONFLICT: expired, released,
 * or the room is gone. */
int accept_offer(struct store *store, const char *id, const struct identity *who, int64_t now,
                 struct job *job, struct err *err);
/* The keys in which a client's copy of an offer says something else than was offered, "a, b": a new
 * string, or NULL. What the copy leaves out is no difference. */
char *accept_differences(struct store *store, const json_t *copy, struct err *err);

#endif
