/* What rules.c and places.c share; everybody else calls check_document. */
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
/* places.c */
void rules_places(struct ruling *r);

#endif
