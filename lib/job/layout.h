/* What is where in a job's directory, and what is moved, mounted and run: the job's documents
 * turned into a staging manifest and a driver's submit line. Nothing here does anything.
 *
 *     lock  in/N  program  requirements  results/
 *     attempt-A/ out/N  outputs  scratch/N  stdout stderr exit.json
 */
#ifndef JOB_LAYOUT_H
#define JOB_LAYOUT_H

#include "model/task.h"
#include "store/store.h"

/* "DIR/jobs/ID/attempt-A/name"; name may be NULL. The caller frees. */
char *layout_attempt(const struct store *s, const struct job *j, const char *name);

/* Is what is stored there one file, not a directory? It has a location. */
bool layout_single(const struct storage *st);

/* What is written into an attempt's directory, by rename, when it has ended (driver.h). */
#define EXIT_RECORD "exit.json"

/* Is there anything in the attempt's /outputs? */
bool layout_left_outputs(const struct store *s, const struct job *j);
/* Is the storage of this name to be reached only where everybody can: of a task that came over the
 * network, and not of the platform's choice? */
bool layout_public(const struct job *j, const char *name);
/* Manifests for execdm-stage, new references: inputs before the run, results after it. A single
 * file the program never wrote to is left out, and its storage named in unwritten. */
json_t *layout_inputs(const struct store *s, const struct job *j, const struct task *t);
json_t *layout_results(const struct store *s, const struct job *j, const struct task *t,
                       struct strs *unwritten);

/* Makes the directories and single files the mounts need. */
int layout_make(const struct store *s, const struct job *j, const struct task *t, struct err *err);

/* The line of driver submit: rootfs and config are of the image, or NULL. A new reference. */
json_t *layout_submit(const struct store *s, const struct job *j, const struct task *t,
                      const char *rootfs, const json_t *config);

#endif
