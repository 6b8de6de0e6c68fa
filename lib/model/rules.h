/* What rules.c, places.c and provided.c share; everybody else calls check_document. */
#ifndef MODEL_RULES_H
#define MODEL_RULES_H

#include "model/check.h"

/* One document under its rules: canonical, and what its schemas say of it holds. */
struct ruling {
    const struct model *model;
    json_t *doc;
    struct findings *findings;
    json_t *storages; /* places.c: name -> storage */
    json_t *mounted;  /* and name of a storage -> is a volume of it writable? */
};

/* Adds an error. */
struct finding *rules_break(struct ruling *r, const char *rule, const char *pointer,
                            const char *fmt, ...) PRINTF(4, 5);
/* Is the value at the key `min` above the one at `max`? clause is what the message ends with. */
void rules_pair(struct ruling *r, const json_t *object, const char *pointer, const char *min,
                const char *max, const char *clause);
/* Amounts of cores and bytes that count as none, or cannot be counted. */
void rules_amounts(struct ruling *r, json_t *object, const char *pointer);
/* Two items of a list with the same value at a key. */
void rules_unique(struct ruling *r, const json_t *list, const char *pointer, const char *key,
                  const char *rule, const char *fault);
/* A duration of no time at all. */
void rules_length(struct ruling *r, const json_t *object, const char *pointer, const char *key,
                  const char *clause);
/* places.c */
void rules_places(struct ruling *r);

#endif
