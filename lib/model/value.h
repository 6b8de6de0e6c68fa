/* Values as JSON Schema compares them, and as people are told of them. */
#ifndef MODEL_VALUE_H
#define MODEL_VALUE_H

#include "text/json.h"

/* Is it of the type "string", "integer" (1.0 is one), ...? */
bool value_is(const json_t *v, const char *type);
/* Equal as JSON Schema says: 1 is 1.0, true is not 1, the order of keys is nothing. */
bool value_same(const json_t *a, const json_t *b);
/* -1, 0 or 1; both are numbers. Exact, also between whole numbers and others. */
int value_order(const json_t *a, const json_t *b);
/* Is a number a whole multiple of `step` (> 0), in decimal as they are written? */
bool value_is_multiple(const json_t *v, const json_t *step);
/* Two items of a list that are equal: true with their indexes, a < b. */
bool value_twice(const json_t *array, size_t *a, size_t *b);

/* "a mapping" for "object". Static. */
const char *value_kind(const char *type);
/* The value as JSON, shortened; the caller frees. */
char *value_brief(const json_t *v);
/* "one of 1, 2" for a list; the caller frees. */
char *value_list(const json_t *list);
/* "the string \"eight\"", "a mapping"; the caller frees. */
char *value_shown(const json_t *v);

#endif
