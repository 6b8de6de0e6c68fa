/* The one table of rules: every id a finding may carry, of whatever program. Printed by
 * execdm-validate --rules, listed by execdm-rules(7), and the rules of a SARIF report. */
#ifndef MODEL_RULE_H
#define MODEL_RULE_H

#include "model/finding.h"

struct rule {
    const char *id; /* stable: people search for it and silence it in their CI */
    enum severity severity;
    const char *clause;  /* where it is written, or "" when it is ours */
    const char *meaning; /* one sentence: what is wrong when this is told */
};
/* Ends with a row without an id. */
extern const struct rule rule_rows[];

/* The place of a rule in the table, or -1. */
int rule_index(const char *id);

#endif
