/* The web server's side: CGI (RFC 3875), and FastCGI where that started us. */
#ifndef CGI_GATE_H
#define CGI_GATE_H

#include "request.h"

/* Did a web server start us? */
bool gate_started(void);
/* Calls serve for every request there is: one of CGI, those of FastCGI until we are told to end
 * (SIGTERM, SIGUSR1). */
int gate_serve(void (*serve)(void *context, const struct gate *gate), void *context,
               struct err *err);

#endif
