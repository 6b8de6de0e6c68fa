/* container.c runs containers, container_find.c finds what runs them here, container_left.c removes
 * what is left of them: what the three share. */
#ifndef DRIVER_CONTAINER_PARTS_H
#define DRIVER_CONTAINER_PARTS_H

#include "container.h"
#include "host/spawn.h"

#define CONTAINER_TRY_S 30 /* for one that does nothing; a daemon's first one is slow */
#define CONTAINER_INIT CONTAINER_PLACE "/init"
#define CONTAINER_LABEL "execdm" /* the directory of the attempt */
#define ANNOTATION_STAMP "execdm.stamp"
#define ANNOTATION_DIR "execdm.dir"

/* Runs the engine with these words, in 30 s unless s says otherwise. As spawn_run. */
int container_call(struct spawn *s, const struct container *c, const char *const more[],
                   struct err *err);

#endif
