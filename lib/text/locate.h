/* Where things stand in a text: the pointers asked about, as a tree of their steps, which one walk
 * over the text fills in. */
#ifndef TEXT_LOCATE_H
#define TEXT_LOCATE_H

#include "text/json.h"

#define NOWHERE SIZE_MAX /* no pointer leads here, or below */

struct step {
    json_t *below; /* {token: number of the step}, NULL at an end */
    size_t upper;
    size_t at; /* NOWHERE until found */
};

/* The first, 0, is the document itself. */
struct steps {
    struct step *list;
    size_t n, room;
};

/* The step below one that this key or index leads to, or NOWHERE. */
size_t steps_key(const struct steps *s, size_t step, const char *key);
size_t steps_item(const struct steps *s, size_t step, size_t index);
void steps_found(struct steps *s, size_t step, size_t at);

/* yaml.c: fills in the index-th document. */
void yaml_locate(const char *bytes, size_t len, size_t index, struct steps *steps);

#endif
