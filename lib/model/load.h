/* The model on disk: schema files, the catalogue of type URIs, and the types a site adds. The one
 * file of model/ that reads files. */
#ifndef MODEL_LOAD_H
#define MODEL_LOAD_H

#include "model/schema.h"
#include "text/buf.h"

/* Where documents lie: what has the URI PREFIXrest is the file DIR/rest (or DIR/rest.json). */
struct schema_maps {
    struct strs prefixes, dirs;
};

/* A schema of a file that was asked for before. */
struct loaded {
    char *name;
    const struct schema *schema;
};

struct model {
    char *dir; /* of the schemas */
    struct schema_maps *maps;
    struct schema_set *set;
    struct loaded *loaded;
    size_t nloaded;
    json_t *types; /* spelling -> {uri, area, schema} */
};

/* dir NULL: schema_dir. CODE_CONFIG when it is not
 * there or wrong, or a schema of types.d is. Closed by model_close. */
int model_open(struct model *m, const char *dir, struct err *err);
void model_close(struct model *m);

/* A schema of others (--schema), in a set of its own. */
struct foreign {
    struct schema_maps maps;
    struct schema_set *set;
    const struct schema *schema;
};
/* Reads the schema in `file`. What it refers to is looked for beside it, and in the places that
 * `maps` ("PREFIX=DIR", NULL-ended) name; nothing is fetched. What is wrong in the schema itself,
 * by the meta-schema, is added to findings: then schema stays NULL and 0 is returned. -1 with
 * CODE_USAGE (a map), CODE_CONFIG, or why the file cannot be read. Closed by foreign_close. */
int foreign_open(struct foreign *f, const struct model *m, const char *file, char *const *maps,
                 bool assert_format, struct findings *findings, struct err *err);
void foreign_close(struct foreign *f);

/* Where the schemas are: $EXECDM_SCHEMA, else where `make install` put them. The caller frees. */
char *schema_dir(void);
/* $EXECDM_CONFIG, else ~/.config/execdm, else /etc/execdm: the first that exists, NULL when none
 * does. The caller frees. */
char *config_dir(void);

/* A schema by its file, "task.json"; borrowed, NULL with err. */
const struct schema *model_schema(struct model *m, const char *name, struct err *err);

/* Reads what tasks need now, and not when it is first needed: before a fork. */
int model_warm(struct model *m, struct err *err);

/* The registry of types. Spellings are compared as plain strings (EP-04); NULL: not known. All
 * borrowed. */
const char *type_uri(const struct model *m, const char *spelling);
const char *type_area(const struct model *m, const char *spelling);
/* The schema of what stands in spec; NULL with err only when the file is broken. */
const struct schema *type_schema(struct model *m, const char *spelling, struct err *err);
/* The URI whose last part is this word, or nearly; NULL when there is none. */
const char *type_called(const struct model *m, const char *word);
/* The last part of the URI, for people: "oci-container". Borrowed from the text given. */
const char *type_short(const char *uri);

#endif
