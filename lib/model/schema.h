/* JSON Schema 2020-12 over jansson, as much of it as our own schemas use. A keyword that is not in
 * the table of schema.c is refused, never skipped, so that no schema says more than is checked. */
#ifndef MODEL_SCHEMA_H
#define MODEL_SCHEMA_H

#include "model/finding.h"
#include "text/err.h"
#include "text/pointer.h"

/* Where schemas come from; model/load.c reads them from files. find answers the root of a schema
 * file by its name ("task.json"), borrowed, or NULL with err set. */
struct schema_source {
    json_t *(*find)(struct schema_source *source, const char *name, struct err *err);
};

/* Checks instance against schema, which is part of root (for "#/..." references). Findings are
 * added below the pointer `at`. Returns 0, or -1 with CODE_CONFIG when the schema itself is wrong.
 */
int schema_check(struct schema_source *source, json_t *root, json_t *schema, json_t *instance,
                 struct pointer *at, struct findings *findings, struct err *err);

/* Follows $ref until there is none. *root becomes the root of what is returned. NULL with err. */
json_t *schema_deref(struct schema_source *source, json_t **root, json_t *schema, struct err *err);

/* Is text of this format? 1 yes, 0 no with *why, -1 unknown format. */
int format_check(const char *format, const json_t *value, const char **why);

/* pattern.c, the one file that knows PCRE2: 1 matches, 0 not, -1 no such pattern (err). */
int pattern_match(const char *pattern, const char *text, size_t len, struct err *err);

#endif
