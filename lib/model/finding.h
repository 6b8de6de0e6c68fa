/* Findings: what a validator or planner has to say about a document. Many, unlike an error. */
#ifndef MODEL_FINDING_H
#define MODEL_FINDING_H

#include "text/json.h"

enum severity { FINDING_ERROR, FINDING_WARNING, FINDING_NOTICE };

struct finding {
    enum severity severity;
    const char *rule;      /* static: the id of a row of rules */
    char *pointer;         /* JSON pointer into the document as it was written */
    char *text;            /* lower case, no full stop; says what was expected */
    char *hint;            /* what to do, or NULL */
    char *where;           /* file:line:column once located, or NULL */
    unsigned line, column; /* the same as numbers, from 1, column in bytes; 0: not known */
    json_t *asked;         /* what was asked for and what there is, as documents write it; */
    json_t *available;     /* either may be NULL */
    char *schema;          /* where the schema says so: URI#/pointer/of/keyword, or NULL */
    const char *keyword;   /* static: the last part of schema, or NULL */
};

struct findings {
    struct finding *list;
    size_t n;
    size_t errors; /* how many are errors */
};

/* Appends; the returned finding is good until the next one is added. */
struct finding *finding_add(struct findings *f, enum severity severity, const char *rule,
                            const char *pointer, const char *fmt, ...) PRINTF(5, 6);
struct finding *finding_vadd(struct findings *f, enum severity severity, const char *rule,
                             const char *pointer, const char *fmt, va_list ap) PRINTF(5, 0);
/* What was asked for and what there is; takes both references, either may be NULL. */
void finding_amounts(struct finding *f, json_t *asked, json_t *available);
void finding_hint(struct finding *f, const char *fmt, ...) PRINTF(2, 3);
/* Appends all of `from`, which is empty afterwards. */
void findings_move(struct findings *to, struct findings *from);
void findings_fini(struct findings *f);

const char *severity_name(enum severity s);
/* {severity, rule, pointer, text, hint, where, asked, available, schema, keyword}, a new reference.
 */
json_t *finding_json(const struct finding *f);
/* "file:1:2: error: /pointer: text; hint [rule]"; the caller frees. */
char *finding_line(const struct finding *f);

/* The word of a NULL-ended list that `word` was probably meant to be, or NULL. */
const char *near_miss(const char *word, const char *const *list);

#endif
