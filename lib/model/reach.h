/* Which hosts a site lets be reached on behalf of tasks (execdm.yaml(5), policy). */
#ifndef MODEL_REACH_H
#define MODEL_REACH_H

#include "text/json.h"

struct sockaddr;

/* Is the host one of those allowed? A row "*.example.org" means all hosts below example.org;
 * without any list all are. Letters count as one, small or large. */
bool reach_host(const json_t *hosts, const char *host);
/* Is it an address of this machine, or of a network that is nobody else's: loopback, private,
 * link-local, not an address of one host? */
bool reach_private(const struct sockaddr *address);
/* The same of the host of a URL, when it is written as an address; or localhost. */
bool reach_private_name(const char *host);

#endif
