/* An answer, put together whole and then sent. */
#ifndef CGI_REPLY_H
#define CGI_REPLY_H

#include "model/finding.h"
#include "request.h"

struct reply {
    int status;
    const char *type; /* of the body; NULL: there is none */
    struct buf body;
    struct buf headers; /* those set by reply_header */
    int fd;             /* the body is a part of this file instead; -1: it is not. Closed by
                           reply_fini */
    int64_t from, size; /* which part */
    json_t *problem;    /* what the body says when it is one */
    bool page;          /* it is a page of ours, with a policy of its own */
    bool varies;        /* it goes by Accept, as every problem does (page_problem) */
    bool fresh;         /* nobody may keep it: no entity tag */
};
void reply_init(struct reply *p);
void reply_fini(struct reply *p);

/* Adds a header. What would begin another one becomes a blank. */
void reply_header(struct reply *p, const char *name, const char *fmt, ...) PRINTF(3, 4);

/* 200 with a document in the format of the request, JSON or YAML. */
void reply_document(struct reply *p, const struct request *r, const json_t *doc);
/* 200 with this text, which is not followed by a newline. NULL is the empty text. */
void reply_text(struct reply *p, const char *text);
/* 303: the answer is at this URL. */
void reply_see(struct reply *p, const char *url);

/* A problem (RFC 9457): {"type", "title", "status", "detail", "findings"}. What was put
 * into the answer before is dropped. Returns 0, for a handler that is done. */
int reply_refuse(struct reply *p, int status, const char *fmt, ...) PRINTF(3, 4);
/* Refuses a request that gives this more than once, in its form or its URL: 1, or 0 then. */
int reply_once(struct reply *p, const struct request *r, const char *name);
/* The same as reply_refuse for an invalid document; `findings` is a list of them, a reference is
 * kept. */
int reply_findings(struct reply *p, int status, const char *detail, json_t *findings);
/* The same of an error, by the table of codes (err.h). */
void reply_error(struct reply *p, const struct err *err);

/* Is this tag, in its quotes, among those the client has (If-None-Match, RFC 9110, 13.1.2)? */
bool reply_known(const struct request *r, const char *tag);

/* Sends it, with what every answer has: its length, an entity tag where it has none of its own and
 * is a document (304 when the client has it already), no body to HEAD. -1: nobody listens. */
int reply_send(struct reply *p, const struct request *r);

#endif
