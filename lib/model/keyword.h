/* What schema.c (which compiles), keyword.c (which applies) and the keywords themselves
 * (assertion.c, applicator.c) share. Nobody else looks in here. */
#ifndef MODEL_KEYWORD_H
#define MODEL_KEYWORD_H

#include "model/schema.h"
#include "text/buf.h"

/* One bit for each vocabulary of the standard. */
enum {
    VOCABULARY_CORE = 1,
    VOCABULARY_APPLICATOR = 2,
    VOCABULARY_UNEVALUATED = 4,
    VOCABULARY_VALIDATION = 8,
    VOCABULARY_METADATA = 16,
    VOCABULARY_FORMAT = 32,
    VOCABULARY_CONTENT = 64,
    VOCABULARY_FORMAT_ASSERTION = 128, /* not part of the usual dialect */
};

/* What may stand at a keyword. */
enum operand {
    OPERAND_ANY,
    OPERAND_STRING,
    OPERAND_BOOLEAN,
    OPERAND_NUMBER,
    OPERAND_STEP,  /* a number above 0 */
    OPERAND_COUNT, /* a whole number from 0 */
    OPERAND_LIST,
    OPERAND_NAMES,     /* a list of strings */
    OPERAND_NAMES_MAP, /* a mapping of lists of strings */
    OPERAND_TYPES,     /* the name of a type, or a list of them */
    OPERAND_MAPPING,
    OPERAND_PATTERN,
    OPERAND_SCHEMA,
    OPERAND_SCHEMAS, /* a list with one at least */
    OPERAND_SCHEMA_MAP,
    OPERAND_PATTERN_MAP, /* pattern -> schema */
    OPERAND_REFERENCE,
};

struct run;
struct step;
struct seen;

/* A keyword. */
struct keyword {
    const char *name;
    unsigned vocabulary;
    enum operand operand;
    /* True when the instance passes; NULL: nothing to apply. */
    bool (*apply)(struct run *r, const struct step *step, json_t *instance, struct seen *seen);
    bool looks_back; /* applied last: asks what the others have evaluated */
};
/* The keywords of one file, in the order of their names. */
struct vocabulary {
    const struct keyword *rows;
    size_t n;
};
extern const struct vocabulary assertion_rows, applicator_rows;

const struct keyword *keyword_find(const char *name);
/* Adds the names of all there are. */
void keyword_names(struct strs *names);

/* A schema below a keyword: at a key or an index of its operand, or the operand itself. */
struct branch {
    const char *key;         /* borrowed from the document, or NULL */
    struct pattern *pattern; /* of patternProperties */
    const struct schema *schema;
};

/* A keyword as it stands in one schema. */
struct step {
    const struct keyword *keyword;
    const struct schema *schema; /* which it stands in */
    json_t *value;
    struct branch *branches; /* references, too: where they lead */
    size_t n;
    struct pattern *pattern;
    const char *dynamic; /* $dynamicRef that may be looked up anew: the anchor's name */
};

/* A schema with an identifier, and all below it that have none. */
struct resource {
    char *uri; /* absolute, without a fragment */
    const struct schema *root;
    unsigned vocabulary;
    struct anchor *anchors;
    size_t n;
    json_t *names; /* of anchors: index */
};
struct anchor {
    const char *name; /* borrowed from the document */
    bool dynamic;
    const struct schema *schema;
};

struct schema {
    json_t *json;
    struct schema_set *set;
    const struct resource *resource;
    /* Where it stands: below this step, at its key or index (-1: neither); without a step it is the
     * document, or what stands at this pointer in it. */
    const struct step *above;
    const char *key; /* borrowed from the document */
    int index;
    char *pointer;
    struct step *steps;
    size_t n;
    bool looks_back; /* has a keyword that does */
    /* Steps that others ask for, or NULL. */
    const struct step *properties, *patterns, *prefix;
};

/* URI#/pointer; the caller frees. */
char *schema_location(const struct schema *s);
const struct schema_reading *schema_set_reading(const struct schema_set *set);
/* The resource's own anchor of that name, or NULL. */
const struct anchor *anchor_find(const struct resource *resource, const char *name);

/* ---- applying: what the keywords' functions work with ------------------------------------ */

/* One application of a schema to an instance. */
struct run {
    struct pointer *at;        /* in the instance */
    struct findings *findings; /* NULL while only asking */
    const struct schema_hook *hook;
    const struct scope *scope;
    int depth;     /* schemas applied to the same value, inside each other */
    size_t effort; /* applications and comparisons so far */
    bool broken;   /* it cannot be applied; err says why */
    struct err *err;
};

/* What of one instance the schemas applied so far have evaluated; for unevaluatedProperties and
 * unevaluatedItems. */
struct seen {
    json_t *keys; /* key -> true */
    bool *items;
    size_t n;
};
void keyword_seen_item(struct seen *s, const json_t *array, size_t index);

/* Adds an error at the place of the instance; what comes back may be hinted at, where it has a text
 * (while only asking it has none). */
struct finding *keyword_complain(struct run *r, const struct step *step, const char *rule,
                                 const char *fmt, ...) PRINTF(4, 5);
/* The schema cannot be applied. Returns false. */
bool keyword_broken(struct run *r, const struct step *step, const char *text);
/* Counts work that grows with what others wrote; past a limit the schema cannot be applied. */
void keyword_effort(struct run *r, const struct step *step, size_t n);
/* The name of the instance, to begin a sentence with. */
const char *keyword_about(const struct run *r);
/* Applies a schema; seen may be NULL when nobody asks what was evaluated. */
bool keyword_apply(struct run *r, const struct schema *s, json_t *instance, struct seen *seen);
/* The same, saying nothing and changing nothing. */
bool keyword_ask(struct run *r, const struct schema *s, json_t *instance, struct seen *seen);
/* The same for a member or an item, with the pointer at it. */
bool keyword_member(struct run *r, const struct schema *s, const char *key, json_t *v,
                    struct seen *seen);
bool keyword_item(struct run *r, const struct schema *s, const json_t *array, size_t i,
                  struct seen *seen);
/* The step of another keyword of the same schema, or NULL. */
const struct step *keyword_beside(const struct step *step, const char *name);
/* Is the pattern in the text? */
bool keyword_matches(struct run *r, const struct step *step, const struct pattern *p,
                     const char *text, size_t len);

#endif
