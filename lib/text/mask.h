/* What libyaml reads otherwise than YAML 1.2 is masked before it sees it, and unmasked in the
 * scalars it gives: each by as many bytes, so every position stays.
 *
 * - NEL, LS and PS end no line in YAML 1.2 (5.4); in libyaml, of YAML 1.1, they do.
 * - "\ud83d\ude00" is one character, as in JSON (YAML 1.2, 1.3 and 5.7); libyaml refuses halves. */
#ifndef TEXT_MASK_H
#define TEXT_MASK_H

#include "text/base.h"

struct masks {
    char *text;       /* the masked copy, NULL when there is nothing to mask */
    char marks[4][4]; /* what stands for the rows of the table in mask.c: characters the text has
                         not got */
};

void masks_init(struct masks *m, const char *bytes, size_t len);
void masks_fini(struct masks *m);
/* In place; an escaped surrogate pair becomes its character when `escapes`. Returns the new length.
 */
size_t masks_undo(const struct masks *m, char *s, size_t len, bool escapes);

#endif
