/* One request as the web server hands it over (CGI, RFC 3875), read whole before it is answered. */
#ifndef CGI_REQUEST_H
#define CGI_REQUEST_H

#include "multipart.h"
#include "text/buf.h"
#include "text/err.h"

/* The web server, at the other end of CGI or of FastCGI. */
struct gate {
    const char *(*get)(void *context, const char *name);      /* a meta-variable, or NULL */
    ssize_t (*read)(void *context, void *bytes, size_t n);    /* of the body; 0 at its end */
    int (*write)(void *context, const void *bytes, size_t n); /* -1: nobody listens any more */
    void *context;
};

/* Bits, so that routes can have several. */
enum method {
    METHOD_GET = 1,
    METHOD_HEAD = 2,
    METHOD_POST = 4,
    METHOD_PUT = 8,
    METHOD_PATCH = 16,
    METHOD_DELETE = 32,
    METHOD_OPTIONS = 64,
    METHOD_OTHER = 128,
};

/* name=value pairs, in their order. */
struct param {
    char *name, *value;
};
struct params {
    struct param *list;
    size_t n;
};

/* What is answered in; bits, so that routes can have several. */
enum format {
    FORMAT_JSON = 1,
    FORMAT_YAML = 2,
    FORMAT_XML = 4,
    FORMAT_HTML = 8,
    FORMAT_TEXT = 16,
};

struct request {
    const struct gate *gate;
    enum method method;
    char *path;            /* below the program, decoded: "/jobs/ID"; no slash at its end but "/" */
    char *type;            /* of the body, "application/json"; "" when none was said */
    char *body;            /* NUL-ended; never NULL */
    size_t len;            /* of it in bytes */
    struct params query;   /* of the URL */
    struct params form;    /* of the body, where it is a form: its fields, not its files */
    struct parts parts;    /* of the body, where it is a form with files (MULTIPART): all of it */
    enum format format;    /* the answer's, by Accept */
    char segments[4][256]; /* what the braces of the route's path stood for, in their order */
};

#define FORM_TYPE "application/x-www-form-urlencoded"

#define BODY_MAX (4 * 1024 * 1024) /* of anything but an upload */
#define FIELD_MAX (64 * 1024)      /* of a field of a form, but for a task */
#define BODY_DRAIN                                                                                 \
    (64 * 1024 * 1024) /* what is read of a body that is too large, before we answer */

/* All but the body. 0, or -1 with err and *status, which is that of the answer: 400, 404 or 415.
 * Either way r is the caller's for request_fini. */
int request_head(struct request *r, const struct gate *gate, int *status, struct err *err);
/* Then the body, of at most `most` bytes, which is read as far as BODY_DRAIN whatever is wrong with
 * it. The same: 400 or 413. */
int request_body(struct request *r, size_t most, int *status, struct err *err);
/* Or it is read, as far as that, and not kept: the request was answered without it. */
void request_drain(const struct request *r);
void request_fini(struct request *r);

/* A header by its meta-variable, "HTTP_ACCEPT"; "" when it was not sent. Borrowed. */
const char *request_header(const struct request *r, const char *variable);
/* Is it a browser that shows pages to somebody? */
bool request_browser(const struct request *r);
/* The first parameter of this name, in the form, else in the URL; names are the same in any case
 * (UWS 1.1, 2.2.2.1). NULL when there is none. Borrowed. */
const char *request_param(const struct request *r, const char *name);
/* The same of one list, from *at on, which moves behind it: for those that may be repeated. */
const char *params_next(const struct params *p, const char *name, size_t *at);

/* Of the formats a route has, the one the client likes best; `otherwise` when it likes them all the
 * same. 0 when it takes none of them. Who asks for HTML is only believed to be a browser when
 * application/xhtml+xml is asked for, too, or nothing else is: clients written in Java list
 * text/html first, whatever they want. Where there is a page and nothing else, all are shown it. */
enum format accept_choose_format(const char *accept, unsigned formats, enum format otherwise);
const char *format_type(enum format f); /* its media type */

#endif
