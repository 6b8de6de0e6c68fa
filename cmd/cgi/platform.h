/* The platforms who asks may use, as they are now: platform-state.json. */
#ifndef CGI_PLATFORM_H
#define CGI_PLATFORM_H

#include "service.h"

/* All of them, or the one of this name: a new reference, an empty list when there is none. */
int platform_list(struct service *s, const char *name, json_t **list, struct err *err);

#endif
