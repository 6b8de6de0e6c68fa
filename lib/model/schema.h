/* JSON Schema, draft 2020-12, over jansson: compiled once, then applied as often as wanted.
 *
 * A set holds schemas that refer to each other. Documents come from a reader and nowhere else:
 * nothing is ever fetched. What is compiled lives as long as its set. */
#ifndef MODEL_SCHEMA_H
#define MODEL_SCHEMA_H

#include "model/finding.h"
#include "text/err.h"
#include "text/pointer.h"

#define SCHEMA_DIALECT "https://json-schema.org/draft/2020-12/schema"

struct schema;
struct schema_set;

/* How the schemas of a set are read. */
struct schema_reading {
    /* The document at an absolute URI without a fragment: a new reference, or NULL with err. */
    json_t *(*read)(void *context, const char *uri, struct err *err);
    void *context;
    /* Ours: a keyword nobody knows is a mistake, and our formats are asserted. Else keywords nobody
     * knows are annotations, and so is `format` unless assert_format, as the standard has it. */
    bool own;
    bool assert_format;
};

struct schema_set *schema_set_new(const struct schema_reading *reading);
void schema_set_free(struct schema_set *set);
void schema_set_fini(struct schema_set **set); /* for own() */

/* The schema at a URI, which may have a fragment; read by the set's reader when it is not there
 * yet. Borrowed; NULL with err (CODE_CONFIG: the schema, or one it refers to, is wrong or missing).
 */
const struct schema *schema_load(struct schema_set *set, const char *uri, struct err *err);
/* The same for a document at hand, whose base URI is `uri` where it has no $id. It is kept. */
const struct schema *schema_add(struct schema_set *set, const char *uri, json_t *document,
                                struct err *err);

/* Told of every string that has a format and keeps it, while the instance is checked; of anyOf and
 * oneOf only in the form that fits, of not, if and contains nothing. It may change the string in
 * place. */
struct schema_hook {
    void (*formatted)(void *context, const char *format, json_t *string, struct pointer *at);
    void *context;
};

/* Applies the schema. Findings are added below the pointer `at`, each with the schema's location
 * and the keyword. findings NULL only asks. hook may be NULL. Returns 1 when the instance is valid,
 * 0 when not, -1 with CODE_CONFIG when the schema cannot be applied (references in a circle, a
 * pattern that takes too long). */
int schema_check(const struct schema *schema, json_t *instance, struct pointer *at,
                 struct findings *findings, const struct schema_hook *hook, struct err *err);

/* format.c. Is this string (or number, of a size) of the format? 1 yes, 0 no with *why, -1 unknown.
 * With `own` our formats, which read the draft's sloppy forms, come before the standard's. */
int format_check(bool own, const char *format, const json_t *value, const char **why);

bool format_known(const char *format);

/* pattern.c, the one file that knows PCRE2. NULL with err: no such pattern. */
struct pattern;
struct pattern *pattern_new(const char *text, struct err *err);
void pattern_free(struct pattern *p);
/* 1 found in the text, 0 not, -1 it takes too long (err). */
int pattern_find(const struct pattern *p, const char *text, size_t len, struct err *err);

#endif
