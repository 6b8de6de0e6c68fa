/* Findings for people, with the line and column they are about. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "model/finding.h"
#include "text/doc.h"

/* Says every finding about the index-th document of an input on standard error. */
void report_findings(struct findings *findings, const struct input *in, size_t index);
/* The directory relative paths in this input begin at: the file's own, or for standard input the
 * working directory. NULL when that cannot be known. The caller frees. */
char *report_base(const char *path);

#endif
