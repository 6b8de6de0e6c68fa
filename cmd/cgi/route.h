/* The one table of what can be asked; openapi.json is printed from it. */
#ifndef CGI_ROUTE_H
#define CGI_ROUTE_H

#include "service.h"

/* Fills p. -1 with err: an error, answered by reply_error. What the client did wrong is said with
 * reply_refuse. */
typedef int handler(struct service *s, struct request *r, struct reply *p, struct err *err);

/* A field of a form, or of the URL's query. */
struct field {
    const char *name;
    const char *type; /* "string", "integer", "date-time"; or a schema, "jobs.json#/$defs/x" */
    const char *about;
    bool many;
};

struct route {
    const char *path;     /* "/jobs/{id}/phase"; what is in braces is one segment */
    unsigned methods;     /* GET stands for HEAD, too */
    unsigned formats;     /* it can be answered in; 0: as `type` says, or 303 with a URL */
    enum format standard; /* to who likes all the same */
    bool open;            /* to who is not known, too (VOSI) */
    bool rest;            /* the last brace stands for all that is left, slashes and all */
    bool files;           /* a body may be as large as files that come with a task */
    handler *serve;
    const char *id; /* of the operation, for openapi.json */
    const char *about;
    const char *answer; /* the schema of the JSON answer, "job.json"; NULL: it has none */
    const char *type;   /* of an answer whose handler sees to it, "text/plain"; NULL: none */
    const char *takes;  /* the schema of the body, "task.json"; NULL: no document */
    const struct field *query, *form, *headers; /* each ends with {0}; NULL: none */
};
extern const struct route routes[]; /* ends with {0} */
extern const size_t route_count;

/* The route of a request, whose body was not read yet, and who asks for it. NULL: it is answered.
 */
const struct route *route_find(struct service *s, struct request *r, struct reply *p);
/* Answers it, once the body was read: looks at what is liked, calls the handler. */
void route_serve(struct service *s, const struct route *row, struct request *r, struct reply *p);

#endif
