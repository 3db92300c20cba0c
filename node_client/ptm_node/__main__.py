from ptm_node.cli import main

main()
