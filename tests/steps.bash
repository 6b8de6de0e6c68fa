# shellcheck shell=bash
# The listings of 2.5.3; what they leave out is the executable, and where things are:  load steps
#
# step_b COMMAND             b.yaml, which waits for a call and reads what step-a wrote
# step_a ENDPOINT COMMAND    a.yaml, which writes, and calls
# $vospace is the place of both, $today when their window opens, $tiny an image
# shellcheck disable=SC2154

step_b() { # COMMAND
    cat >b.yaml <<END
name: "step-b"
executable:
  type: "https://www.purl.org/ivoa.net/executable-types/oci-container"
  spec: {image: "oci:$tiny", command: [/bin/sh, -c, "$1"]}
triggers:
- name: "trigger-001"
  type: "https://www.purl.org/ivoa.net/webservice-types/value-update"
  spec:
    method: "POST"
    content-type: "yaml"
    conditions:
    - name: "status"
      value: "COMPLETED"
      action: start
    - name: "status"
      value: "FAILED,CANCELLED"
      action: cancel
datetime:
- start: "$today/P1D"
resources:
  compute:
  - name: "compute-001"
    volumes:
    - name: "input-volume"
      resource: "input-storage"
      path: "/inputs"
      mode: "r"
  storage:
  - name: "input-storage"
    type: "https://www.purl.org/ivoa.net/storage-types/vospace-storage"
    spec:
      endpoint: "$vospace"
      path: "/step-a/results"
      lifecycle: "unmanaged"
END
}

step_a() { # ENDPOINT COMMAND: a.yaml
    cat >a.yaml <<END
name: "step-a"
executable:
  type: "https://www.purl.org/ivoa.net/executable-types/oci-container"
  spec: {image: "oci:$tiny", command: [/bin/sh, -c, "$2"]}
resources:
  compute:
  - name: "compute-001"
    volumes:
    - name: "results-volume"
      resource: "results-storage"
      path: "/results"
      mode: "rw"
  storage:
  - name: "results-storage"
    type: "https://www.purl.org/ivoa.net/storage-types/vospace-storage"
    spec:
      endpoint: "$vospace"
      path: "/step-a/results"
      lifecycle: "managed"
      minlifetime: "1D"
      maxlifetime: "1D"
datetime:
- start: "$today/P1D"
callouts:
- name: "callout-001"
  type: "https://www.purl.org/ivoa.net/webservice-types/value-update"
  spec:
    triggers:
    - status: "RUNNING,COMPLETED,FAILED,CANCELLED"
    method: "POST"
    endpoint: "$1"
    content-type: "yaml"
    content: |
      name: {{job.name}}
      date: {{system.date}}
      ident: {{job.ident}}
      status: {{job.status}}
END
}
