/* What a provider has written: the files of the configuration directory, checked. */
#ifndef HOST_SITE_H
#define HOST_SITE_H

#include "model/check.h"

/* Reads one document of a kind from a file, which must be valid: a new reference. The first error
 * found becomes *err, with its place and CODE_CONFIG. */
int site_document(struct model *model, enum kind kind, const char *path, json_t **doc,
                  struct err *err);

/* execdm.yaml (or .yml, .json) of the configuration directory: a new reference, an empty object
 * where there is none. */
int site_configuration(struct model *model, json_t **doc, struct err *err);

/* The same, when it is known without a model: as it was checked before (host/kept.h), or there is
 * none. Else NULL. */
json_t *site_kept(void);

/* The file called NAME.yaml, NAME.yml or NAME.json in a directory, or NULL; the caller frees. */
char *site_file(const char *dir, const char *name);

#endif
