/* What a Python program needs beside itself: a line of a requirements.txt, as far as it can be held
 * against what is installed (Planner 1.2). */
#ifndef MODEL_REQUIREMENT_H
#define MODEL_REQUIREMENT_H

#include "text/base.h"

struct requirement {
    char *name;     /* as requirement_name gives it; NULL: an empty line, or a comment */
    char *versions; /* ">=1.2,<2", or "" */
    char *marker;   /* what stands behind ; or NULL */
};

/* -1 with *why: an option, a URL, or no requirement at all. The caller frees by requirement_fini.
 */
int requirement_parse(const char *line, size_t len, struct requirement *r, const char **why);
void requirement_fini(struct requirement *r);

/* One spelling of a name: lower case, a hyphen for a run of - _ and . The caller frees. */
char *requirement_name(const char *name, size_t len);

/* Is `version` one of those that "A,B..." leaves, each an operator and a version (==, !=, <=, >=,
 * <, >, ~=, ===; == and != also with .* at the end)? "" leaves all. -1: that is no such list. */
int requirement_allows(const char *versions, const char *version);

/* May a line with this marker be left out where Python has this version? Only markers of one
 * comparison of python_version are understood; with any other it counts. */
bool requirement_skipped(const char *marker, const char *python);

#endif
