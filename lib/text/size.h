/* Amounts as people write them: cores, and bytes in GiB or with a unit. */
#ifndef TEXT_SIZE_H
#define TEXT_SIZE_H

#include "text/json.h"

#define GIB ((int64_t)1 << 30)

/* A number is GiB, fractions allowed; a string has a unit: "16 GB" is 16 * 10^9, "16 GiB" 16 * 2^30
 * (requirements, decisions). Rounded up when `up`, else down. -1 with *why when it is none. */
int size_parse(const json_t *value, bool up, int64_t *bytes, const char **why);
/* A number of cores to thousandths of a core. */
int cores_parse(const json_t *value, bool up, int64_t *milli, const char **why);

/* The JSON number that says it: an integer where it is whole. New references. */
json_t *size_json(int64_t bytes); /* GiB */
json_t *cores_json(int64_t milli);

#define SIZE_TEXT 24
/* For people: "1.5 GiB". Returns text. */
char *size_print(int64_t bytes, char text[SIZE_TEXT]);

#endif
