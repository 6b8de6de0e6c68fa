/* What triggers and callouts mean: which action a call asks for, what a callout sends
 * (Planner 2.5).
 */
#ifndef MODEL_SIGNAL_H
#define MODEL_SIGNAL_H

#include "model/job.h"

#define VALUE_UPDATE "https://www.purl.org/ivoa.net/webservice-types/value-update"
#define EMAIL "https://www.purl.org/ivoa.net/webservice-types/email"
#define ACTION_START "start"
#define ACTION_CANCEL "cancel"

/* What an endpoint ends with, 64 hexadecimal digits: the id of the offer, which becomes the job's,
 * and a secret that is the right to call. Behind it, with a service, and alone below a store. */
#define SECRET_TEXT 33
#define TOKEN_TEXT 65
#define SIGNAL_PATH "triggers/"
char *signal_token(const char *id, const char *secret, char text[TOKEN_TEXT]);
/* The token of an endpoint, or one alone. False when it is none. */
bool signal_token_parse(const char *text, char id[UUID_TEXT], char secret[SECRET_TEXT]);
/* Are both the same? In a time that does not tell how much of them is. */
bool signal_secret_same(const char *a, const char *b);

/* Does the job wait for this trigger (EP-73)? */
bool signal_starts(const json_t *trigger);
/* A value as the call has written it, which in YAML need not be a string. The caller frees. */
char *signal_text(const json_t *value);
/* What the values {name: value} ask for by the conditions of the trigger: ACTION_START,
 * ACTION_CANCEL or, when none is met, NULL (EP-71, EP-77). Where several are met, cancel counts. */
const char *signal_action(const json_t *trigger, const json_t *values);

/* The markers of a callout's templates, without the braces; ends with NULL. */
extern const char *const signal_markers[];

/* What a callout sends when the status of the job becomes `status` at `now`: {"endpoint", "type",
 * "body"}, or {"to", "subject", "body"} of a mail; a new reference. NULL when it is not to be sent
 * then. Values keep to the form of what they are put into: a name can add no line to it. */
json_t *signal_message(const json_t *callout, const struct job *j, const char *status,
                       struct when now);

#endif
