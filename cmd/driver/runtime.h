/* What can run on this machine and with what: the types of executables, Python, its modules, the
 * kernels of notebooks, and wheels that a job can have installed. */
#ifndef DRIVER_RUNTIME_H
#define DRIVER_RUNTIME_H

#include "host/sandbox.h"
#include "text/json.h"

/* Is `wheels` of driver-options as it must be? CODE_CONFIG. */
int runtime_check(const json_t *config, struct err *err);
/* Adds python, modules, kernels and wheels to the `facts` of a probe. */
void runtime_facts(json_t *facts, const json_t *config);
/* Its `runtimes`, for which those facts are; a new reference. Sets *limits when cgroups keep a
 * container's. */
json_t *runtime_list(const json_t *config, const json_t *facts, bool *limits);

/* Adds to a sandbox what installs the program's requirements before it starts, from the directory
 * of wheels that driver-options name. The program's own words are to follow. */
void runtime_install(struct sandbox *s, const json_t *exec, const json_t *config);

#endif
