/* Requests that may be made again without being done again, by the key their client gave them. */
#ifndef STORE_KEY_H
#define STORE_KEY_H

#include "store/store.h"
#include "text/sum.h"

/* Who gave it: an identity's own keys are nobody else's. */
struct key {
    const char *owner, *key;
    char sum[SUM_SHA256_TEXT]; /* of the request */
};

/* The job that was made by the key within the last day, and is there still: 1 and its id, 0 when
 * none is. CODE_DATA:
 * by another request. `now` in ms. */
int key_find(struct store *s, const struct key *k, int64_t now, char job[UUID_TEXT],
             struct err *err);
/* Notes it, and forgets those that are older than a day. Between store_begin and store_commit. */
int key_add(struct store *s, const struct key *k, int64_t now, const char *job, struct err *err);

#endif
