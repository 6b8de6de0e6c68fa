/* What is shown to which host, for whom: the credentials of execdm.yaml(5). */
#ifndef HOST_CREDENTIAL_H
#define HOST_CREDENTIAL_H

#include "text/err.h"

/* The account that runs this process, as jobs and policies name it. The caller frees. */
char *account_name(void);
/* Is it that account's own? Only then what the account has of credentials itself may be used. */
bool account_is(const char *identity);

/* All that the configuration has for the tasks of an identity, as execdm-stage reads it from a
 * descriptor: a list of Staging credentials in JSON. A file that is not as it must be stands in it
 * as refused, with the reason. NULL when there is nothing; the caller frees. -1 with CODE_CONFIG
 * when the configuration is wrong. */
int credentials_of(const char *identity, char **text, struct err *err);

#endif
