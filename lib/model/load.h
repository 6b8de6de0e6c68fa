/* The model on disk: schema files and the catalogue of type URIs. The one file of model/ that reads
 * files. */
#ifndef MODEL_LOAD_H
#define MODEL_LOAD_H

#include "model/schema.h"

struct model {
    struct schema_source source; /* first, so that find() can come back to us */
    char *dir;
    json_t *files; /* name -> root of the schema, as read so far */
    json_t *types; /* spelling -> {uri, area, schema} */
};

/* dir NULL: $EXECDM_SCHEMA, else where `make install` put the schemas. CODE_CONFIG when it is not
 * there or wrong. Closed by model_close. */
int model_open(struct model *m, const char *dir, struct err *err);
void model_close(struct model *m);

/* The root of a schema file, borrowed; NULL with err. */
json_t *model_schema(struct model *m, const char *name, struct err *err);

/* The registry of types. Spellings are compared as plain strings (EP-04); NULL: not known. All
 * borrowed. */
const char *type_uri(const struct model *m, const char *spelling);
const char *type_area(const struct model *m, const char *spelling);
/* The schema of what stands in spec; NULL with err only when the file is broken. */
json_t *type_schema(struct model *m, const char *spelling, struct err *err);
/* The URI whose last part is this word, or nearly; NULL when there is none. */
const char *type_called(const struct model *m, const char *word);
/* The last part of the URI, for people: "oci-container". Borrowed from the text given. */
const char *type_short(const char *uri);

#endif
