"""Starting and looking after a containerd of our own; talking CRI to it is the job of `cri`."""
