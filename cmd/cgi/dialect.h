/* Our schemas (JSON Schema 2020-12) as OpenAPI 3.0.3 can say them. What it cannot say is left out,
 * so that what is valid for us is valid there, and more. */
#ifndef CGI_DIALECT_H
#define CGI_DIALECT_H

#include "text/buf.h"
#include "text/err.h"
#include "text/json.h"

struct dialect {
    const char *dir; /* of the schemas; borrowed */
    json_t *files;   /* those that were read, by their names */
    json_t *names;   /* what "job.json" and "job.json#/$defs/fault" are called as components */
    json_t *schemas; /* the components: all that was referred to, and what that refers to */
};
void dialect_init(struct dialect *d, const char *dir);
void dialect_fini(struct dialect *d);

/* {"$ref": "#/components/schemas/Job"} for "job.json", a new reference; NULL with err. */
json_t *dialect_ref(struct dialect *d, const char *ref, struct err *err);

#endif
