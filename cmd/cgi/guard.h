/* Against requests that a page of somebody else makes a browser send, with the name and password
 * its user has typed here. What reads only is safe: no such page sees the answer. What changes
 * something is answered when
 *   - the browser does not say that another site made it send this (Sec-Fetch-Site, Origin, else
 *     Referer): all of today do, and no page can make them lie;
 *   - a form of our own pages is behind it, where the client is a browser that shows pages, or
 * sends the field of such a form: the field holds what no other site knows. */
#ifndef CGI_GUARD_H
#define CGI_GUARD_H

#include "service.h"
#include "text/sum.h"

/* The hidden field of every form of a page, and what it holds for who asks. */
#define GUARD_FIELD "execdm-form"
int guard_token(struct service *s, char token[SUM_SHA256_TEXT], struct err *err);

/* May this request change something? 1; 0 when it was refused; -1 with err. */
int guard_check(struct service *s, const struct request *r, struct reply *p, struct err *err);

#endif
