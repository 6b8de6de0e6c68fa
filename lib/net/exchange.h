/* One exchange with a web service, made by execdm-http; many can be under way at once. */
#ifndef NET_EXCHANGE_H
#define NET_EXCHANGE_H

#include "host/spawn.h"
#include "text/json.h"

/* Begins as {0} but for what is asked; ends with exchange_fini. */
struct exchange {
    /* what is asked; the strings are borrowed until it is started */
    const char *method, *url;
    const char *body, *type; /* with its media type, or NULL */
    const char *key;         /* the same key is the same request (Idempotency-Key), or NULL */
    json_t *headers;         /* more of them, borrowed, or NULL */
    json_t *only; /* {"hosts", "public", "signature"} of schema/http-request.json: whom it
                     may reach, no redirects; borrowed, or NULL */
    int64_t deadline_ms;
    bool (*stop)(void *context); /* asked five times a second; true ends it. May be NULL */
    void *context;
    /* what came */
    int status;       /* of HTTP; 0: no answer, and err says why */
    bool sent;        /* the request may have been received, whatever became of the answer */
    json_t *reply;    /* what execdm-http said */
    const char *from; /* the URL that answered, after redirects; of the reply */
    struct err err;
    /* while it is under way */
    struct spawn run;
    char *argv[2];
};

/* Begins; returns at once. What goes wrong is told by exchange_wait. */
void exchange_start(struct exchange *x);
/* Returns when all of them have ended, each in its own time. */
void exchange_wait(struct exchange *const list[], size_t n);
void exchange_fini(struct exchange *x);

/* 0 when the service did what was asked (2xx). Else -1: CODE_UNAVAIL it is down, CODE_TEMP try
 * again, CODE_PERM, CODE_NOINPUT it has no such thing, CODE_CONFLICT not now or no longer,
 * CODE_DATA it does not understand us, CODE_PROTO it does not keep to the protocol. */
int exchange_done(const struct exchange *x, struct err *err);
/* The body as a document (JSON or YAML), an object: a new reference; NULL with CODE_PROTO. */
json_t *exchange_document(const struct exchange *x, struct err *err);
/* What strangers wrote is shown on terminals: no string in it keeps control characters. */
void exchange_plain(json_t *value);
/* The absolute http: or https: URL a reference in the answer means, or NULL when it is none, or
 * leads from https: to http:. The caller frees. */
char *exchange_url(const struct exchange *x, const char *reference);

#endif
