/* How much was offered, accepted and used, by whom, and what was asked for in vain (PRD-26). */
#ifndef STORE_USAGE_H
#define STORE_USAGE_H

#include "store/store.h"

/* What the jobs of an owner hold of each platform: {platform: {"jobs", "cores", "memory",
 * "hours"}}, a new reference. The first three are of jobs accepted and not ended, in jobs,
 * milli-cores and bytes; hours are those of jobs accepted from `since` (ms) on, booked or, once
 * ended, used, in thousandths of core seconds. */
int usage_held(struct store *s, const char *owner, int64_t since, json_t **held, struct err *err);

/* Makes this quick in a large store, once. Between store_begin and store_commit. */
int usage_index(struct store *s, struct err *err);
/* How many jobs of his were never planned, and are there still. Between store_begin and
 * store_commit. */
int usage_drafts(struct store *s, const char *owner, int64_t *n, struct err *err);

/* Counts an offer of `need` for `length` s, made at `now` (s) by a platform that has `cores`
 * (milli-cores) in all. Between store_begin and store_commit. */
int usage_offer(struct store *s, const char *platform, struct room need, int64_t length,
                int64_t cores, int64_t now, struct err *err);
/* Counts a task that asked for a type no platform knows. The same. */
int usage_unknown(struct store *s, const char *type, int64_t now, struct err *err);

/* The report, as usage.json has it, of a time in ms since 1970; after -1: since anything was
 * counted. Offers and unknown types are counted by the day (UTC): those of each day that has a part
 * in it. NULL with err. */
json_t *usage_report(struct store *s, int64_t after, int64_t before, int64_t now, struct err *err);

#endif
