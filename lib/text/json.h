/* JSON values in memory: jansson, ownership by scope, the two look-ups everybody needs. */
#ifndef TEXT_JSON_H
#define TEXT_JSON_H

#include <jansson.h>
#include "text/base.h"

/* As jansson's, which evaluates `array` twice for every item: here it is looked up once. */
#undef json_array_foreach
#define json_array_foreach(array, index, value) JSON_EACH(array, index, value, __LINE__)
#define JSON_EACH(array, index, value, line) JSON_EACH_IN(array, index, value, line)
#define JSON_EACH_IN(array, index, value, line)                                                    \
    for (const json_t *array_##line = ((index) = 0, (array));                                      \
         (index) < json_array_size(array_##line) &&                                                \
         ((value) = json_array_get(array_##line, index));                                          \
         (index)++)

/* own(json_fini) json_t *j = NULL; */
static inline void json_fini(json_t **j)
{
    json_decref(*j);
    *j = NULL;
}

/* The string at a key, borrowed; NULL when there is none. */
static inline const char *json_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* The whole number at a key, or `otherwise`. */
static inline int64_t json_int(const json_t *object, const char *key, int64_t otherwise)
{
    const json_t *v = json_object_get(object, key);
    return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

/* Is the text one of a list of texts? */
bool json_lists(const json_t *list, const char *text);

/* Is it so of the value, or of any in it? */
bool json_any(const json_t *v, bool (*is)(const json_t *));

#endif
